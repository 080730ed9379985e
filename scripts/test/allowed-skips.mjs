// The reasons for which a test may be skipped in continuous integration. A skip for any other reason fails there:
// a test that quietly never runs proves nothing.
export const allowedSkips = [
  {
    reason: /needs root/i,
    why: "tests run as root and as an ordinary user; each such test runs in one of the two",
  },
  { reason: /needs an ordinary user/i, why: "as above, the other way round" },
  {
    reason: /needs an? .*filesystem/i,
    why: "reflinks exist on btrfs and XFS only, project quotas not in every kernel",
  },
  { reason: /needs x86_64/i, why: "system call numbers differ on other processors" },
  {
    reason: /needs a kernel with 32-bit calls/i,
    why: "where there are none, none can be refused",
  },
  { reason: /needs cgroup v2/i, why: "delegated control groups are rare inside containers" },
  {
    reason: /needs npm below \/usr/i,
    why: "a sandbox without an image has the programs of the host below /usr only",
  },
  {
    reason: /needs the contender/i,
    why: "npm run bench:setup installs what the benchmark compares with; tests do not",
  },
];

export function skipIsAllowed(reason) {
  return typeof reason === "string" && allowedSkips.some((allowed) => allowed.reason.test(reason));
}
