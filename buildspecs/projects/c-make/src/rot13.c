#include "rot13.h"

static char rotate(char letter, char first) {
    return (char)((letter - first + 13) % 26 + first);
}

void rot13(char *text) {
    for (; *text; text++) {
        if (*text >= 'a' && *text <= 'z') {
            *text = rotate(*text, 'a');
        } else if (*text >= 'A' && *text <= 'Z') {
            *text = rotate(*text, 'A');
        }
    }
}
