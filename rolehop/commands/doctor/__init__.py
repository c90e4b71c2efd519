"""``rolehop doctor``: examine what rolehop stands on, and repair what can be repaired."""
