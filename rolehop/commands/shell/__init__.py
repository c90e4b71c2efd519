"""What changes or starts a shell: ``assume``, ``leave``, ``shell``, ``init``, ``completion``."""
