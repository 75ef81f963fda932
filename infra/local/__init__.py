"""The embedded AWS: an emulator on 127.0.0.1 and the services that it lacks, one module or package per service."""
