from hypothesis import HealthCheck, settings

CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much]

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=CHECKS,
)
settings.register_profile(
    "deep", deadline=None, max_examples=500, suppress_health_check=CHECKS, database=None
)
settings.load_profile("repeatable")
