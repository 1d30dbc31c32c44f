from hypothesis import settings

# An example may have to wait for a busy machine, which is no defect.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
