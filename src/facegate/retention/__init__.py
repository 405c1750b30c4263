"""Media, outputs and logs of requests, kept encrypted for as long as a policy says and no longer.

Knows nothing of faces: what enters is encoded media and small logs, and anything else is refused. It takes the extra
``facegate[retention]``. `docs/retention.md` is its page.
"""

from facegate.retention.kept import Kept
from facegate.retention.keys import EnvironmentKey, FileKeys, KeyService, MasterKeys
from facegate.retention.rights import Rights
from facegate.retention.store import RetentionStore

__all__ = ["EnvironmentKey", "FileKeys", "Kept", "KeyService", "MasterKeys", "RetentionStore", "Rights"]
