// Nothing: the target that compiles this holds a precompiled header for others.
