"""HTTP to AWS and sign-in services: connections, timeouts, proxies, and their errors."""
