#include <stdio.h>
#include <string.h>

#include "../src/rot13.h"

static int failures;

static void expect(const char *text, const char *expected) {
    char buffer[64];
    snprintf(buffer, sizeof buffer, "%s", text);
    rot13(buffer);
    if (strcmp(buffer, expected) != 0) {
        printf("FAIL: %s became %s, not %s\n", text, buffer, expected);
        failures++;
    }
}

int main(void) {
    expect("", "");
    expect("Hello", "Uryyb");
    expect("Az, zA 13!", "Nm, mN 13!");
    printf("%s\n", failures ? "some tests failed" : "all tests passed");
    return failures != 0;
}
