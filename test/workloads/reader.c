// Spends its time in a function of its own, in libc and in the kernel: reader MILLISECONDS.
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 16];

__attribute__((noinline)) void spin(void)
{
        for (volatile int round = 0; round < 20000; round++)
                ;
}

__attribute__((noinline)) void read_zeros(void)
{
        int zeros = open("/dev/zero", O_RDONLY);
        if (read(zeros, buffer, sizeof(buffer)) < 0)
                exit(1);
        close(zeros);
}

static long milliseconds(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
        long end = milliseconds() + (argc > 1 ? atol(argv[1]) : 500);
        while (milliseconds() < end) {
                spin();
                read_zeros();
        }
        return 0;
}
