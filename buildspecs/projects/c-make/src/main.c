#include <stdio.h>

#include "rot13.h"

int main(int count, char **arguments) {
    if (count < 2) {
        fprintf(stderr, "usage: rot13 TEXT...\n");
        return 2;
    }
    for (int index = 1; index < count; index++) {
        rot13(arguments[index]);
        puts(arguments[index]);
    }
    return 0;
}
