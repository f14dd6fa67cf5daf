// SPDX-License-Identifier: Apache-2.0
#include "cli/top/screen.h"

#include <curses.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/top/canvas.h"

enum { PAIR_GOOD = 1, PAIR_WARN, PAIR_BAD, PAIR_ACCENT };

static volatile sig_atomic_t ended;
static struct sigaction before_int, before_term;
static SCREEN *screen;

static void end_on_signal(int signal)
{
    (void)signal;
    ended = 1;
}

bool screen_open(void)
{
    setlocale(LC_CTYPE, ""); // curses counts columns by it
    screen = newterm(NULL, stdout, stdin);
    // A terminal without a cursor that can be moved would show a heap of lines.
    if (screen != NULL && tigetstr("cup") == NULL) {
        endwin();
        delscreen(screen);
        screen = NULL;
    }
    if (screen == NULL) {
        setlocale(LC_CTYPE, "C");
        return false;
    }
    // No SA_RESTART: waiting for a key ends at once.
    struct sigaction action = {.sa_handler = end_on_signal};
    sigemptyset(&action.sa_mask);
    ended = 0;
    sigaction(SIGINT, &action, &before_int);
    sigaction(SIGTERM, &action, &before_term);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    set_escdelay(50);
    (void)curs_set(0);
    if (has_colors() && start_color() == OK && use_default_colors() == OK) {
        init_pair(PAIR_GOOD, COLOR_GREEN, -1);
        init_pair(PAIR_WARN, COLOR_YELLOW, -1);
        init_pair(PAIR_BAD, COLOR_RED, -1);
        init_pair(PAIR_ACCENT, COLOR_CYAN, -1);
    }
    return true;
}

void screen_close(void)
{
    if (screen == NULL)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
    sigaction(SIGINT, &before_int, NULL);
    sigaction(SIGTERM, &before_term, NULL);
    setlocale(LC_CTYPE, "C");
}

void screen_size(size_t *rows, size_t *columns)
{
    *rows = (size_t)(LINES > 0 ? LINES : 1);
    *columns = (size_t)(COLS > 0 ? COLS : 1);
}

static void style(unsigned char c)
{
    switch (c) {
    case 1:
        attron(A_BOLD);
        return;
    case 2:
        attron(A_DIM);
        return;
    case 3:
        attron(A_REVERSE);
        return;
    case 4:
        attron(COLOR_PAIR(PAIR_GOOD));
        return;
    case 5:
        attron(COLOR_PAIR(PAIR_WARN));
        return;
    case 6:
        attron(COLOR_PAIR(PAIR_BAD));
        return;
    case 0x0e:
        attron(COLOR_PAIR(PAIR_ACCENT));
        return;
    default:
        attrset(A_NORMAL);
    }
}

// One line, from its styles' changes to the next.
static void line_draw(int row, const char *line, size_t bytes)
{
    size_t from = 0;
    move(row, 0);
    for (size_t i = 0; i <= bytes; i++) {
        bool end = i == bytes;
        if (!end && !canvas_is_style((unsigned char)line[i]))
            continue;
        if (i > from)
            addnstr(line + from, (int)(i - from));
        if (!end)
            style((unsigned char)line[i]);
        from = i + 1;
    }
}

void screen_draw(const struct buf *text)
{
    const char *at = (const char *)text->bytes;
    size_t left = text->len;
    erase();
    for (int row = 0; left > 0 && row < LINES; row++) {
        const char *end = memchr(at, '\n', left);
        size_t bytes = end != NULL ? (size_t)(end - at) : left;
        line_draw(row, at, bytes);
        bytes += end != NULL;
        at += bytes;
        left -= bytes;
    }
    attrset(A_NORMAL);
    refresh();
}

int screen_key(int64_t ms)
{
    if (ended)
        return SCREEN_QUIT;
    timeout((int)(ms > 0 ? ms : 0));
    int key = getch();
    if (ended)
        return SCREEN_QUIT;
    switch (key) {
    case 'q':
    case 'Q':
    case 3:
    case 27: // escape
        return SCREEN_QUIT;
    case '\t':
    case KEY_RIGHT:
    case 'l':
        return SCREEN_NEXT;
    case KEY_BTAB:
    case KEY_LEFT:
    case 'h':
        return SCREEN_BACK;
    case KEY_UP:
    case 'k':
        return SCREEN_UP;
    case KEY_DOWN:
    case 'j':
        return SCREEN_DOWN;
    case KEY_PPAGE:
        return SCREEN_PAGE_UP;
    case KEY_NPAGE:
    case ' ':
        return SCREEN_PAGE_DOWN;
    case KEY_HOME:
    case 'g':
        return SCREEN_TOP;
    case ERR:
        return SCREEN_NOTHING;
    default:
        return key >= '1' && key <= '9' ? SCREEN_DIGIT + key - '0' : SCREEN_REDRAW;
    }
}
