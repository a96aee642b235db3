"""What `batching.py` is made of: the ring, its two ends, the buckets, and what runs the products.

producer process --ring in shared memory--> consumer process --buckets--> executor (GPU, NumPy)
"""
