"""Counters of control groups of both versions, read from their files' texts."""

from sampan.containers.model import Container, Spec
from sampan.containers.options import RunOptions
from sampan.containers.statistics import Sample, between
from sampan.linux.accounting import Usage, network_bytes, usage_v1, usage_v2
from sampan.oci.config import ContainerConfig

RECORD = Container("1" * 64, "box", "sha256:0", (), Spec(RunOptions("busybox"), ContainerConfig()), 0, "running")
V1 = {
    "cpuacct.usage": "81234567890\n",
    "memory.usage_in_bytes": "10485760\n",
    "memory.limit_in_bytes": "67108864\n",
    "memory.stat": "cache 4194304\ninactive_file 1\ntotal_inactive_file 4194304\n",
    "blkio.throttle.io_service_bytes_recursive": (
        "254:0 Read 4096\n254:0 Write 8192\n254:0 Sync 12288\n254:0 Total 12288\n7:0 Read 512\nTotal 12800\n"
    ),
    "pids.current": "3\n",
}
V2 = {
    "cpu.stat": "usage_usec 81234567\nuser_usec 80000000\nsystem_usec 1234567\nnr_periods 0\n",
    "memory.current": "10485760\n",
    "memory.max": "67108864\n",
    "memory.stat": "anon 1048576\nfile 9437184\ninactive_file 4194304\n",
    "io.stat": "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n7:0 rbytes=512 wbytes=0 rios=1 wios=0\n",
    "pids.current": "3\n",
}
# ruff: noqa: E501 - as the kernel writes it
NET = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     999       9    0    0    0     0          0         0      999       9    0    0    0     0       0          0
  eth0:    1180      12    0    0    0     0          0         0      210       3    0    0    0     0       0          0
  eth1:20 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0
"""


def test_version_1_leaves_out_the_cache_and_counts_reads_and_writes() -> None:
    assert usage_v1(V1) == Usage(81234567890, 6291456, 67108864, 4608, 8192, 3)


def test_version_2_leaves_out_the_cache_and_counts_reads_and_writes() -> None:
    assert usage_v2(V2) == Usage(81234567000, 6291456, 67108864, 4608, 8192, 3)


def test_no_limit_is_0_in_both_versions() -> None:
    assert usage_v1({**V1, "memory.limit_in_bytes": "9223372036854771712\n"}).memory_limit_bytes == 0
    assert usage_v2({**V2, "memory.max": "max\n"}).memory_limit_bytes == 0


def test_files_that_are_missing_or_malformed_count_as_0() -> None:
    assert usage_v1({}) == usage_v2({}) == Usage()
    assert usage_v2({"io.stat": "254:0 rbytes=x\n254:0\n", "memory.stat": "a b c\n", "cpu.stat": "x"}) == Usage()


def test_a_cache_larger_than_the_usage_is_not_subtracted() -> None:
    assert usage_v2({**V2, "memory.current": "4096\n"}).memory_bytes == 4096


def test_the_loopback_is_not_counted() -> None:
    assert network_bytes(NET) == (1200, 215)


def test_the_share_of_cpu_is_of_the_time_between_two_samples() -> None:
    record = RECORD
    before, after = Sample(10**9, Usage(cpu_ns=10**9)), Sample(3 * 10**9, Usage(cpu_ns=4 * 10**9))
    assert between(record, before, after, 1 << 30).cpu_percent == 150.0
    assert between(record, Sample(), after, 1 << 30).cpu_percent == 0.0
    assert between(record, before, Sample(2 * 10**9, Usage()), 1 << 30).cpu_percent == 0.0


def test_the_limit_is_never_more_than_what_the_host_has() -> None:
    record = RECORD
    assert (
        between(record, Sample(), Sample(1, Usage(memory_limit_bytes=1 << 40)), 1 << 30).memory_limit_bytes == 1 << 30
    )
    assert between(record, Sample(), Sample(1, Usage()), 1 << 30).memory_limit_bytes == 1 << 30
    assert between(record, Sample(), Sample(), 1 << 30).memory_limit_bytes == 0
