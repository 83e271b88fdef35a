import sys

from temperature import fahrenheit


def main() -> int:
    for argument in sys.argv[1:]:
        print(f"{argument} °C = {fahrenheit(float(argument)):g} °F")
    return 0


if __name__ == "__main__":
    sys.exit(main())
