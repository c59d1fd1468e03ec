/* A Modbus TCP server of libmodbus: 200 holding registers that hold their own address; prints its port. */
#include <arpa/inet.h>
#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", 0);
    modbus_mapping_t *map = modbus_mapping_new(64, 64, 200, 200);
    struct sockaddr_in where;
    socklen_t size = sizeof where;
    int listener = modbus_tcp_listen(ctx, 1);
    getsockname(listener, (struct sockaddr *)&where, &size);
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);
    for (int at = 0; at < 200; at++) {
        map->tab_registers[at] = at;
        map->tab_input_registers[at] = 1000 + at;
    }
    for (int at = 0; at < 64; at++)
        map->tab_bits[at] = map->tab_input_bits[at] = at % 3 == 0;
    for (;;) {
        modbus_tcp_accept(ctx, &listener);
        int got;
        while ((got = modbus_receive(ctx, query)) >= 0)
            if (got > 0)
                modbus_reply(ctx, query, got, map);
        modbus_close(ctx);
    }
}
