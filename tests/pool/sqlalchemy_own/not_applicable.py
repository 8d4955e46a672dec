"""SQLAlchemy's own pool tests that do not apply to this pool, and why. Names are as pytest gives them, without the
database's name that SQLAlchemy adds to a class; a class stands for all its tests.

A test is here for what it asks, never since it fails: what is asked of any pool must hold."""

POOL = "test/engine/test_pool.py::"
RECONNECT = "test/engine/test_reconnect.py::"
ENGINE = "test/ext/asyncio/test_engine.py::"
CANCELLATION = "test/ext/asyncio/test_cancellation.py::"

NOT_APPLICABLE: dict[str, tuple[str, ...]] = {
    "It is about another pool: NullPool, StaticPool, AssertionPool or SingletonThreadPool.": (
        POOL + "SingletonThreadPoolTest",
        POOL + "AssertionPoolTest",
        POOL + "NullPoolTest",
        POOL + "StaticPoolTest",
        POOL + "PoolDialectTest::test_assertion_pool",
        POOL + "PoolDialectTest::test_singleton_pool",
        POOL + "PoolDialectTest::test_null_pool",
        POOL + "PoolDialectTest::test_static_pool",
    ),
    "It asks for a pool without a limit (pool_size=0), which this one refuses to be.": (
        POOL + "QueuePoolTest::test_unlimited[42]",
        POOL + "QueuePoolTest::test_unlimited[0]",
        POOL + "QueuePoolTest::test_unlimited[-5]",
        POOL + "QueuePoolTest::test_unlimited[1]",
    ),
    "Connections beyond the size are closed at their return. Here they stay for DB_POOL_IDLE_TIMEOUT: a peak is seldom "
    "over with one request, and a new connection is dear.": (
        POOL + "QueuePoolTest::test_queuepool_close",
        POOL + "QueuePoolTest::test_queuepool_del",
        POOL + "QueuePoolTest::test_overflow_no_gc",
    ),
    "The connection idle the longest is given out first. Here it is the one used last, so the others can be closed.": (
        POOL + "QueuePoolTest::test_fifo",
    ),
    "A pool's entry is kept, and counted as idle, after its connection is gone. Here the entry goes with its "
    "connection and the place is empty.": (
        POOL + "PoolTest::test_rec_info",
        POOL + "QueuePoolTest::test_error_on_pooled_reconnect_cleanup_invalidate",
        POOL + "QueuePoolTest::test_error_on_pooled_reconnect_cleanup_recycle",
        POOL + "QueuePoolTest::test_error_on_pooled_reconnect_cleanup_wcheckout_event[plain]",
        POOL + "QueuePoolTest::test_error_on_pooled_reconnect_cleanup_wcheckout_event[base_exception]",
        POOL + "QueuePoolTest::test_invalidate_close_interrupted",
        POOL + "QueuePoolTest::test_recycle_on_soft_invalidate",
        POOL + "QueuePoolTest::test_reset_interrupted_detaches_fairy",
        RECONNECT + "PrePingMockTest::test_ping_not_on_reconnect",
        RECONNECT + "PrePingRealTest::test_pre_ping_db_stays_shutdown",
    ),
    "A pool goes on giving out connections after it was disposed of. Here that is an error: the engine has another.": (
        POOL + "QueuePoolTest::test_dispose_closes_pooled",
        POOL + "PoolDialectTest::test_queue_pool",
    ),
    "An error of pre-ping that is no lost connection reaches the user. Here a connection that fails its check, in "
    "whatever way, is replaced, and no user hears of it.": (
        RECONNECT + "RealPrePingEventHandlerTest::test_control",
        RECONNECT + "RealPrePingEventHandlerTest::test_event_handler_can_downgrade_disconnect",
        RECONNECT + "RealPrePingEventHandlerTest::test_event_handler_didnt_upgrade_disconnect",
    ),
    "It compares all private attributes of two pools, and knows those of QueuePool.": (
        POOL + "PoolTest::test_recreate_state[QueuePool-pool_args0]",
        POOL + "PoolTest::test_recreate_state[QueuePool-pool_args1]",
    ),
    "It needs threads: SQLAlchemy guards first_connect by a lock of threads, for which tasks of one thread would "
    "wait for ever. Engines of asyncio do not use it.": (POOL + "PoolFirstConnectSyncTest::test_sync",),
    "It makes a synchronous engine for an asyncio driver, and fails with SQLAlchemy's own pool as well.": (
        POOL + "QueuePoolTest::test_recycle_pool_no_race",
    ),
}


def reason_against(name: str) -> str | None:
    """Why the test of this name does not apply; None where it does."""
    for reason, names in NOT_APPLICABLE.items():
        if name in names or name.rpartition("::")[0] in names:
            return reason
    return None
