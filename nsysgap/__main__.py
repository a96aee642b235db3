"""`python -m nsysgap` and the `nsysgap` script."""

from nsysgap.commands import main

if __name__ == "__main__":
    main()
