"""What each gate checks, built from the codebook."""
