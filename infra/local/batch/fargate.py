"""Which sizes a Fargate task can have.

Facts: AWS Batch API reference, "ResourceRequirement".
"""

_GIB = 1024
_MEMORY_BY_VCPU: dict[float, frozenset[int]] = {
    0.25: frozenset({512, 1 * _GIB, 2 * _GIB}),
    0.5: frozenset(range(1 * _GIB, 4 * _GIB + 1, _GIB)),
    1: frozenset(range(2 * _GIB, 8 * _GIB + 1, _GIB)),
    2: frozenset(range(4 * _GIB, 16 * _GIB + 1, _GIB)),
    4: frozenset(range(8 * _GIB, 30 * _GIB + 1, _GIB)),
    8: frozenset(range(16 * _GIB, 60 * _GIB + 1, 4 * _GIB)),
    16: frozenset(range(32 * _GIB, 120 * _GIB + 1, 8 * _GIB)),
    32: frozenset({60 * _GIB, 120 * _GIB, 244 * _GIB}),
}


def is_fargate_size(vcpus: float, memory: int) -> bool:
    """Tell whether Fargate offers `vcpus` with `memory` MiB."""
    return memory in _MEMORY_BY_VCPU.get(vcpus, frozenset())
