"""Small files in the state folder that hold no secret."""
