/* An Adam in C that speaks the process protocol: gcc -O2 -o adam adam.c -lm && adam-conformance check process:./adam */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELLO[] = ",\"protocol\":\"adam-conformance/process/1\",\"name\":\"plain C\",\"version\":\"1\","
  "\"capabilities\":{\"dtypes\":[\"float32\",\"float64\"],\"state\":true,\"lr_schedule\":true}";
static struct { int single, t, arrays, *end; double lr, beta1, beta2, eps, *p, *m, *v, *g; } sessions[8], *s;
static double rounded(double x) { return s->single ? (float)x : x; }

static void step(void) {
  double correct1 = 1 - pow(s->beta1, ++s->t), correct2 = 1 - pow(s->beta2, s->t);
  for (int i = 0; i < s->end[s->arrays - 1]; i++) {
    s->m[i] = rounded(s->beta1 * s->m[i] + (1 - s->beta1) * s->g[i]);
    s->v[i] = rounded(s->beta2 * s->v[i] + (1 - s->beta2) * s->g[i] * s->g[i]);
    s->p[i] = rounded(s->p[i] - s->lr * (s->m[i] / correct1) / (sqrt(s->v[i] / correct2) + s->eps));
  }
}

static void arrays(char *at, double *x) { /* reads [["0x1.8p+0",...],...] into x, array number a up to end[a] */
  int i = 0;
  for (s->arrays = 0; *++at == '['; at += at[1] == ',', s->end[s->arrays++] = i)
    while (*++at == '"') x[i++] = strtod(at + 1, &at), at += at[1] == ',';
}

static void show(const char *before, int a, const double *x, const char *after) {
  fputs(before, stdout);
  for (int first = a ? s->end[a - 1] : 0, i = first; i < s->end[a]; i++) printf("%s\"%a\"", i > first ? "," : "", x[i]);
  fputs(after, stdout);
}

static char *behind(char *line, const char *key) { return strstr(line, key) ? strstr(line, key) + strlen(key) : NULL; }
static double number(char *line, const char *key) { return strtod(behind(line, key), NULL); }
static void *room(void *old, size_t bytes) { free(old); return calloc(bytes, 1); }

int main(void) {
  char *line = NULL, *at;
  for (size_t size = 0; getline(&line, &size, stdin) > 0; puts("}"), fflush(stdout)) {
    size_t bytes = strlen(line) * sizeof(double); /* there are fewer numbers than characters */
    printf("{\"number\":%d", atoi(behind(line, "\"number\":")));
    if ((at = behind(line, "\"session\":"))) s = &sessions[atoi(at)];
    if (strstr(line, ":\"stop\"")) return puts("}") < 0;
    if (strstr(line, ":\"hello\"")) fputs(HELLO, stdout);
    else if (strstr(line, ":\"set_lr\"")) s->lr = number(line, "\"lr\":\"");
    else if (strstr(line, ":\"state\""))
      for (int a = 0; a < s->arrays; a++)
        show(a ? ",{\"m\":[" : ",\"state\":[{\"m\":[", a, s->m, "],\"v\":["),
          show("", a, s->v, a < s->arrays - 1 ? "]}" : "]}]");
    else if (strstr(line, ":\"start\"") || strstr(line, ":\"step\"")) {
      if ((at = behind(line, "\"parameters\":"))) {
        s->p = room(s->p, bytes), s->m = room(s->m, bytes), s->v = room(s->v, bytes), s->g = room(s->g, bytes);
        s->lr = number(line, "\"lr\":\""), s->beta1 = number(line, "\"beta1\":\"");
        s->beta2 = number(line, "\"beta2\":\""), s->eps = number(line, "\"eps\":\"");
        s->t = 0, s->single = !!strstr(line, "float32"), s->end = room(s->end, bytes), arrays(at, s->p);
      } else arrays(behind(line, "\"gradients\":"), s->g), step();
      for (int a = 0, n = s->arrays; a < n; a++) show(a ? ",[" : ",\"parameters\":[[", a, s->p, a < n - 1 ? "]" : "]]");
    } else printf(",\"error\":{\"kind\":\"unknown-command\",\"message\":\"there is no such command\"}");
  }
}
