"""The hot path: as right as the full path, and next to nothing imported."""
