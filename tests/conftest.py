from hypothesis import settings

# On a busy machine an example may take longer than hypothesis's deadline.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
