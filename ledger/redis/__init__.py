"""The store for many machines: Redis 7 or a Redis Cluster, with its Lua scripts (docs/decisions/0110)."""

from ledger.redis.ledger import RedisLedger
from ledger.redis.options import RedisOptions, read_options

__all__ = ["RedisLedger", "RedisOptions", "read_options"]
