"""How others score the same Parquet file: run by `bench_scoring` in .venv-bench, a process for each peer.

`python peer_scoring.py PEER INPUT.parquet MODEL.txt SIGNATURE.json OUTPUT.parquet` prints rows, CPU seconds and peak
memory. Like ours, each reads Parquet, makes features, predicts and writes Parquet in one thread; none checks its
rows.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightgbm
import pandas as pd

Peer = Callable[[str, "lightgbm.Booster", list[dict], str], int]


def encoded(frame: pd.DataFrame, features: list[dict]) -> pd.DataFrame:
    """Features as numbers, in the order of the model."""
    columns = {}
    for feature in features:
        column = frame[feature["name"]]
        if feature["kind"] == "category":
            column = pd.Series(pd.Categorical(column, categories=feature["categories"]).codes, dtype="float64")
        columns[feature["name"]] = column.astype("float64").to_numpy()
    return pd.DataFrame(columns)


def pandas_per_record(source: str, booster: lightgbm.Booster, features: list[dict], target: str) -> int:
    """Loop over records, one prediction each, as a first version often does. A sample of the rows is enough."""
    frame = pd.read_parquet(source).head(5_000)
    codes = {
        feature["name"]: {category: code for code, category in enumerate(feature.get("categories", ()))}
        for feature in features
    }
    scores = []
    for _, record in frame.iterrows():
        row = [
            codes[name].get(record[name], float("nan")) if codes[name] else record[name]
            for name in (feature["name"] for feature in features)
        ]
        scores.append(booster.predict([row], num_threads=1)[0])
    pd.DataFrame({"score": scores}).to_parquet(target)
    return len(frame)


def mlflow_pyfunc(source: str, booster: lightgbm.Booster, features: list[dict], target: str) -> int:
    """A model saved with MLflow's LightGBM flavour and loaded as a pyfunc, given one DataFrame."""
    import mlflow.lightgbm
    import mlflow.pyfunc

    with tempfile.TemporaryDirectory() as directory:
        mlflow.lightgbm.save_model(booster, f"{directory}/model", pip_requirements=[])
        model = mlflow.pyfunc.load_model(f"{directory}/model")
        global start
        start = time.process_time()
        frame = encoded(pd.read_parquet(source), features)
        scores = model.predict(frame, params={"num_threads": 1} if model.metadata.get_params_schema() else None)
        pd.DataFrame({"score": scores, "prediction": scores >= 0.5}).to_parquet(target)
    return len(frame)


def pandas_frame(source: str, booster: lightgbm.Booster, features: list[dict], target: str) -> int:
    """pandas and LightGBM without any platform."""
    frame = encoded(pd.read_parquet(source), features)
    scores = booster.predict(frame, num_threads=1)
    pd.DataFrame({"score": scores, "prediction": scores >= 0.5}).to_parquet(target)
    return len(frame)


PEERS: dict[str, Peer] = {
    "pandas, record by record": pandas_per_record,
    "MLflow pyfunc": mlflow_pyfunc,
    "pandas and LightGBM": pandas_frame,
}

if __name__ == "__main__":
    name, source, model, signature, target = sys.argv[1:]
    booster = lightgbm.Booster(model_file=model)
    features = json.loads(Path(signature).read_text())["features"]
    start = time.process_time()
    rows = PEERS[name](source, booster, features, target)
    spent = time.process_time() - start
    (peak,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(json.dumps({"rows": rows, "cpuSeconds": spent, "peakMegabytes": int(peak.split()[1]) // 1024}))
