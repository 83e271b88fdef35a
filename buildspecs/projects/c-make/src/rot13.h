#ifndef ROT13_H
#define ROT13_H

/* Moves each ASCII letter of a text by thirteen places, in place. */
void rot13(char *text);

#endif
