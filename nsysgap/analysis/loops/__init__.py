"""What repeats in a program: its loops, their iterations, and what each cost the host and kept the GPU from."""
