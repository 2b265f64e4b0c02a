"""Everything that is kept in Redis. All of it may vanish at any moment: slower, never wrong."""
