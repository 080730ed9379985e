import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createSocket } from "node:dgram";
import { createServer, type AddressInfo, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Session } from "../../src/index.js";
import { hostAddresses } from "../../src/sandbox/network.js";
import { noNat, noSandbox } from "../support/available.js";
import { Fixture, runIn } from "../support/fixture.js";
import { eventually, processesWith } from "../support/host.js";

const noPerl = !existsSync("/usr/bin/perl") && "there is no /usr/bin/perl to connect with";

/** Tries a TCP connection, bound to a device where one is named, and prints how it went. */
const CONNECT = `use Socket; my ($host, $port, $device) = @ARGV;
socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
if ($device) { setsockopt($s, SOL_SOCKET, 25, $device) or die "bind: $!"; }
$SIG{ALRM} = sub { print "timeout\\n"; exit };
alarm 3;
print connect($s, sockaddr_in($port, inet_aton($host))) ? "connected\\n" : "$!\\n";`;

/** Sends three datagrams, bound to a device where one is named. */
const SEND = `use Socket; my ($host, $port, $device) = @ARGV;
socket(my $s, PF_INET, SOCK_DGRAM, 0) or die;
setsockopt($s, SOL_SOCKET, SO_BROADCAST, 1);
setsockopt($s, SOL_SOCKET, 25, $device) if $device;
send($s, "x", 0, sockaddr_in($port, inet_aton($host))) for 1 .. 3;`;

/** The same over IPv6. A scope is the number of a device. */
const CONNECT_6 = `use Socket qw(:all); my ($host, $scope, $port) = @ARGV;
socket(my $s, PF_INET6, SOCK_STREAM, 0) or do { print "no socket: $!\n"; exit };
$SIG{ALRM} = sub { print "timeout\n"; exit };
alarm 1;
print connect($s, pack_sockaddr_in6($port, inet_pton(AF_INET6, $host), $scope)) ? "connected\n" : "$!\n";`;

for (const network of ["none", "nat"] as const) {
  const skip = noSandbox || noPerl || (network === "nat" && (await noNat()));
  describe(`network ${network}`, { skip }, () => {
    let fixture: Fixture;
    let session: Session;
    let listener: Server;
    let port: number;
    let accepted = 0;
    before(async () => {
      fixture = await Fixture.open();
      session = await fixture.session({ network });
      listener = createServer((socket) => {
        accepted++;
        socket.on("error", () => undefined);
        socket.destroy();
      });
      await new Promise<void>((resolve) => listener.listen(0, "0.0.0.0", resolve));
      port = (listener.address() as AddressInfo).port;
    });
    after(async () => {
      listener.close();
      await fixture[Symbol.asyncDispose]();
    });
    const connect = async (host: string, device = ""): Promise<string> =>
      (await runIn(session, ["perl", "-e", CONNECT, host, String(port), device])).text.trim();

    it("has a loopback of its own, where the host's listeners are not", async () => {
      assert.equal(await connect("127.0.0.1"), "Connection refused");
      assert.equal(accepted, 0);
    });

    it("does not reach the host by any of its addresses, nor by the gateway", async () => {
      const own = hostAddresses(networkInterfaces()).map((address) => address.replace("/32", ""));
      for (const address of [...own, "10.0.2.2", "127.0.0.2", "0.0.0.0"]) {
        assert.notEqual(await connect(address), "connected", address);
        if (network === "nat")
          assert.notEqual(await connect(address, "tap0"), "connected", `${address} by device`);
      }
      assert.equal(accepted, 0);
    });

    it("does not send to the host's loopback past its own", async () => {
      const receiver = createSocket("udp4");
      let received = 0;
      receiver.on("message", () => received++);
      await new Promise<void>((resolve) => receiver.bind(0, "0.0.0.0", resolve));
      const target = receiver.address().port;
      for (const address of [
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.255",
        "255.255.255.255",
        "10.0.2.2",
        "10.0.2.255",
      ]) {
        for (const device of ["", "tap0"])
          await runIn(session, ["perl", "-e", SEND, address, String(target), device]);
      }
      await delay(200);
      receiver.close();
      assert.equal(received, 0);
    });

    it("does not reach private, link-local and shared ranges", async () => {
      for (const address of [
        "10.0.0.1",
        "10.255.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "192.168.1.254",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
      ]) {
        const refused =
          network === "nat" ? ["No route to host", "Network is unreachable"] : ["Network is unreachable"];
        const answer = await connect(address);
        assert.ok(refused.includes(answer), `${address}: ${answer}`);
      }
    });

    it("has no IPv6 but that of its own loopback", async () => {
      const listener6 = createServer((socket) => (accepted++, socket.destroy()));
      await new Promise<void>((resolve) =>
        listener6.once("error", () => resolve()).listen({ port, host: "::", ipv6Only: true }, resolve),
      );
      for (const host of ["2001:4860:4860::8888", "2001:db8::1", "fd00::2", "64:ff9b::808:808", "::1"]) {
        const { text } = await runIn(session, ["perl", "-e", CONNECT_6, host, "0", String(port)]);
        assert.match(text, /unreachable|refused|Cannot assign|no socket/, host);
      }
      // Where slirp4netns would be, if it spoke IPv6; and the host behind an IPv4 address in other clothes.
      for (const [host, scope] of [
        ["fe80::2", "2"],
        ["fe80::2", "1"],
        ["::ffff:10.0.2.2", "0"],
        ["::ffff:127.0.0.1", "0"],
      ] as const) {
        const { text } = await runIn(session, ["perl", "-e", CONNECT_6, host, scope, String(port)]);
        assert.notEqual(text, "connected\n", `${host} over ${scope}`);
      }
      const { text } = await runIn(
        session,
        "grep -vc '^fe80\\|^ff00\\|^0000000000000000' /proc/net/ipv6_route || true",
      );
      assert.equal(text, "0\n");
      listener6.close();
      assert.equal(accepted, 0);
    });

    it("cannot be reconfigured", async () => {
      for (const command of [
        "ip link set lo down",
        "ip route add default dev lo",
        "ip link add x type dummy",
      ]) {
        assert.notEqual((await runIn(session, command)).exitCode, 0, command);
      }
    });

    it("is gone with the session", async () => {
      const another = await fixture.session({ network });
      await another.end();
      const stacks = (): number =>
        processesWith("slirp4netns").filter(({ parent }) => parent === process.pid).length;
      assert.ok(await eventually(() => stacks() === (network === "nat" ? 1 : 0)));
    });

    it("has the name server that fits", async () => {
      assert.equal((await runIn(session, "cat /etc/resolv.conf")).text, "nameserver 10.0.2.3\n");
      const { text } = await runIn(session, "ls /sys/class/net 2>/dev/null; grep -c : /proc/net/dev");
      assert.equal(text, network === "nat" ? "2\n" : "1\n");
    });
  });
}

describe("network host", { skip: noSandbox }, () => {
  it("is the host's, when the operator allows it", async () => {
    await using fixture = await Fixture.open({ allowedNetworks: ["none", "host"] });
    const session = await fixture.session({ network: "host" });
    const listener = createServer((socket) => socket.on("error", () => undefined).end("hello"));
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as AddressInfo;
    const { text } = await runIn(session, ["perl", "-e", CONNECT, "127.0.0.1", String(port)]);
    listener.close();
    assert.equal(text, "connected\n");
    await session.end();
  });
});
