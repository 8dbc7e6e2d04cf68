"""By which way, and as whom, a host is reached: certificates, proxies, passwords."""
