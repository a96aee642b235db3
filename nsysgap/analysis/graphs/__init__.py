"""CUDA graphs: how they were built, what their replays took and what they saved."""
