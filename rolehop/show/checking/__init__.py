"""The reports of `check`: text for people, JUnit and SARIF for CI."""
