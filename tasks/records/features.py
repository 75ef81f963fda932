"""Checked columns to the matrix that a model reads.

The one place where this is done: training, batch scoring and every server call it, so that a model is served what it
was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records.signature import Feature, Signature

Matrix = npt.NDArray[np.float64]


def feature_matrix(columns: Sequence[pa.Array], signature: Signature) -> Matrix:
    """Encode checked columns.

    Parameters
    ----------
    columns
        The columns of `records.Checked`: one per feature, n rows each.

    Returns
    -------
    float64[n, k], C-contiguous. A number is itself, a category its position in the signature, an empty field NaN.
    """
    matrix = np.empty((len(columns[0]), len(columns)), np.float64)
    for place, (column, feature) in enumerate(zip(columns, signature.features, strict=True)):
        matrix[:, place] = _encoded(column, feature)
    return matrix


def _encoded(column: pa.Array, feature: Feature) -> Matrix:
    if feature.kind == "category":
        # Looking up the few distinct texts, not each row's, makes this a gather of integers.
        codes = pc.index_in(column.dictionary, pa.array(feature.categories, column.dictionary.type))
        column = codes.take(column.indices).cast(pa.float64())
    encoded: Matrix = column.to_numpy(zero_copy_only=False)  # null becomes NaN
    return encoded
