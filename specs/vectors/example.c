/* Runs test vectors through an Adam in C: put yours in the place of `adam` and its `State`.
   cc -std=c11 -DREAL=float example.c -o example -lm && ./example update/adam-float32.json
   REAL is double, float or _Float16, the format of the file. Exit status 0: every value inside, and none left out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define FORMAT (sizeof(REAL) == 8 ? "\"float64\"" : sizeof(REAL) == 4 ? "\"float32\"" : "\"float16\"")
enum { OUTER = 0 }; /* 1 where the hyperparameters are held in single precision: accuracy class B */
typedef struct { double lr, beta1, beta2, eps, weight_decay; int amsgrad, maximize; } Hyper;
typedef struct { int t; REAL theta, m, v, v_max; } State;
static void adam(State *s, REAL g, const Hyper *h) {
    s->t += 1;
    if (h->maximize) g = -g;
    if (h->weight_decay != 0) g += (REAL)h->weight_decay * s->theta;
    s->m = (REAL)h->beta1 * s->m + (REAL)(1 - h->beta1) * g;
    s->v = (REAL)h->beta2 * s->v + (REAL)(1 - h->beta2) * (g * g);
    if (s->v > s->v_max) s->v_max = s->v;
    double c1 = 1 - pow(h->beta1, s->t), c2 = 1 - pow(h->beta2, s->t);
    REAL root = (REAL)sqrt(h->amsgrad ? s->v_max : s->v) / (REAL)sqrt(c2);
    if (s->m != 0) s->theta -= (REAL)h->lr * (s->m / (REAL)c1 / (root + (REAL)h->eps)); /* no 0/0 if eps underflows */
}
static char line[1 << 20], *at; /* a line of the file, and how far it is read */
static int find(const char *key) { return (at = strstr(line, key)) ? (at += strlen(key), 1) : 0; }
static int more(void) { return *(at += strspn(at, " ,\"[")) != ']'; } /* is the list not at its end? */
static double number(void) { return more() && *at == 'n' ? (at += 4, NAN) : strtod(at, &at); } /* NaN for null */
static double one(const char *key) { return find(key) ? number() : 0; }
int main(int argc, char **argv) {
    static double lr[4096], compared[4096], after[4096][4]; /* after each step: theta, m, v, v_max */
    static const char *quantities[] = {"\"theta\": ", "\"m\": ", "\"v\": ", "\"v_max\": "};
    int rates = 0, inside = 0, outside = 0, promised = 0;
    Hyper h = {0};
    for (FILE *file; --argc && (file = fopen(*++argv, "r")); fclose(file)) while (fgets(line, sizeof line, file)) {
        if (find("\"dialect\": ") && strncmp(at, "\"adam\"", 6)) break; /* not for this Adam */
        if (find("\"format\": ") && strncmp(at, FORMAT, 9)) break;
        if (find("\"values\": ")) promised += (int)number();
        if (find("\"check\": ")) h = (Hyper){ /* a tensor: what its vectors share */
            0, one("\"beta1\": "), one("\"beta2\": "), one("\"eps\": "), one("\"weight_decay\": "),
            find("\"amsgrad\": true"), find("\"maximize\": true")};
        if (find("\"lr\": ")) for (rates = 0; more();) lr[rates++] = number();
        if (find("\"compared\": ")) for (int i = 0; more();) compared[i++] = number();
        State s = {.theta = (REAL)one("\"theta0\": ")}; /* a vector: its history, then the rows of each quantity */
        if (find("\"gradients\": ")) for (int i = 0; more(); i++) {
            double g = number(), *values = after[i];
            h.lr = lr[i < rates ? i : rates - 1];
            if (!isnan(g)) adam(&s, (REAL)g, &h);
            values[0] = s.theta, values[1] = s.m, values[2] = s.v, values[3] = s.v_max;
        }
        for (int q = 0; q < 4; q++) if (find(quantities[q])) for (int i = 0; more(); i++) {
            double x = after[(int)compared[i] - 1][q], row[4] = {number()};
            if (isnan(row[0])) continue; /* undecided: nothing to compare, and not counted */
            for (int k = 1; k < 4; k++) row[k] = number();
            if (row[1 - OUTER] <= x && x <= row[2 + OUTER]) inside++;
            else if (outside++ < 9) printf("%s: %sis %a after step %g\n%s", *argv, quantities[q], x, compared[i], line);
            at += 2; /* the end of the row */
        }
    }
    printf("%d of %d values inside, %d outside\n", inside, promised, outside);
    return argc ? perror(*argv), 2 : !promised || inside != promised;
}
