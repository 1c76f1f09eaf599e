"""All that is measured, in the order in which it runs."""

from benchmarks.associations import ECHOES
from benchmarks.find import FIND
from benchmarks.idle import IDLE
from benchmarks.imports import IMPORT
from benchmarks.load import LOAD, LOAD_MANY
from benchmarks.marks_arrival import MARKS_ARRIVAL
from benchmarks.marks_decode import MARKS_DECODE, MARKS_DECODE_STATE
from benchmarks.measure import Benchmark
from benchmarks.receive import (
    SMALL,
    SMALL_IN_MEMORY,
    SMALL_PARALLEL,
    SMALL_PARALLEL_IN_MEMORY,
)
from benchmarks.receive_from_dcmsend import (
    LARGE_FROM_DCMSEND,
    MULTIFRAME_FROM_DCMSEND,
    PARALLEL_FROM_DCMSEND,
)
from benchmarks.receive_large import (
    LARGE_IMAGES as RECEIVE_LARGE,
)
from benchmarks.receive_large import (
    LARGE_IMAGES_UNSYNCED,
    MULTIFRAME,
    MULTIFRAME_UNSYNCED,
    PARALLEL,
    PARALLEL_UNSYNCED,
)
from benchmarks.send import LARGE_IMAGES, SMALL_OBJECTS, SMALL_OBJECTS_STOCK
from benchmarks.tls import TLS
from benchmarks.verify import VERIFY

BENCHMARKS: dict[str, Benchmark] = {
    each.name: each
    for each in (
        RECEIVE_LARGE,
        LARGE_FROM_DCMSEND,
        LARGE_IMAGES_UNSYNCED,
        MULTIFRAME,
        MULTIFRAME_FROM_DCMSEND,
        MULTIFRAME_UNSYNCED,
        PARALLEL,
        PARALLEL_FROM_DCMSEND,
        PARALLEL_UNSYNCED,
        TLS,
        SMALL,
        SMALL_IN_MEMORY,
        SMALL_PARALLEL,
        SMALL_PARALLEL_IN_MEMORY,
        ECHOES,
        IDLE,
        LARGE_IMAGES,
        SMALL_OBJECTS,
        SMALL_OBJECTS_STOCK,
        LOAD,
        LOAD_MANY,
        VERIFY,
        FIND,
        IMPORT,
        MARKS_ARRIVAL,
        MARKS_DECODE,
        MARKS_DECODE_STATE,
    )
}
