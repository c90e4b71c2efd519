"""X.509 certificates and their keys, in files and on PKCS#11 tokens."""
