"""What an installation on several machines needs beside the product itself: each module is run by name."""
