import { runCli, StoryError, storyEnvironment, typed } from "./cli.mjs";
import { checkBill } from "./bill.mjs";
import { firstDifference, manifestCommand } from "./manifest.mjs";
import { findSourceTree } from "./source-tree.mjs";

export const summary = [
  "What you saw:",
  "  - a workspace is a disk that keeps its files between commands, each run in a sandbox",
  "  - a snapshot is a restore point: after the damage every byte, mode, time and link came back",
  "  - a clone of a template is ready at once and independent of it",
  "  - every byte on disk is accounted for: the bill is what `du` says",
  "",
  "Go on with a server of your own (here, `npx chaser` stands for `chaser`):",
  "  npx chaser doctor                               what this machine can do",
  "  npx chaser serve                                start it; prints and saves your API key",
  "  npx chaser workspaces create --name my-project  in another terminal",
  "  npx chaser exec my-project -- 'echo hello > greeting; ls -l'",
  "  npx chaser --help                               everything else",
  "",
  "Without a server, `npx chaser store --help` snapshots any directory.",
];

/** Breaks what a careless upgrade breaks: content, modes, times, links, names. */
const breakThings = [
  "cd /workspace",
  "rm -rf tree/l* links/same",
  "find tree -name '*.md' -exec sh -c 'echo oops >> \"$1\"' _ {} \\;",
  "find tree -type f -exec chmod 666 {} +",
  "ln -sfn nowhere links/readme",
  "touch links/dated",
  "echo junk > tree/unwanted",
].join("\n");

/** The kinds of things that a copied source tree may lack. */
const addLinks = [
  "mkdir links",
  "echo shared > links/one && ln links/one links/same",
  "ln -s ../tree links/readme",
  "touch -d '2001-02-03 04:05:06.123456789' links/dated && chmod 4640 links/dated",
].join(" && ");

/** Tells the story of the quickstart. Throws a `StoryError` at the first thing that is not as it should be. */
export async function tellStory({ server, directory, report, signal }) {
  const env = storyEnvironment(directory, server.url);
  const chaser = createChaser({ env, signal });
  const exec = (workspace, command) => chaser.text(["exec", workspace, "--", command]);
  const source = findSourceTree();
  let before;

  await report.step("Create a workspace", async (say) => {
    const args = ["workspaces", "create", "--session-type", "sandbox", "--name", "my-project"];
    const workspace = await chaser.json(args, say);
    expect(workspace.name, "my-project", "the workspace's name");
  });

  await report.step("Fill it with real files, in a sandbox", async (say) => {
    const command = `cp -a ${source.tree} tree && ${addLinks} && find . -type f | wc -l`;
    say(`$ chaser exec my-project -- 'cp -a ${source.tree} tree && ...'`);
    const files = Number(await exec("my-project", command));
    if (files < source.files) throw new StoryError(`${files} files were written instead of ${source.files}`);
    say(`${files} files written`);
  });

  await report.step("Run a second command: the files are still there", async (say) => {
    const seen = await chaser.text(["exec", "my-project", "--", "find . -type f | wc -l"], say);
    before = await exec("my-project", manifestCommand);
    const hashes = before.split("\n").filter((line) => /^[0-9a-f]{64} /.test(line)).length;
    expect(hashes, Number(seen), "the number of files with a SHA-256");
    say(`${hashes} files; SHA-256, mode, time to the nanosecond and links of each noted`);
  });

  await report.step("Take a snapshot", async (say) => {
    const args = ["workspaces", "snapshots", "create", "my-project", "--name", "before-upgrade"];
    const snapshot = await chaser.json(args, say);
    expect(snapshot.name, "before-upgrade", "the snapshot's name");
    say(
      `${snapshot.files} files, ${megabytes(snapshot.logical_bytes)}, compressed to ${megabytes(snapshot.new_bytes)}`,
    );
  });

  await report.step("Break things", async (say) => {
    say("$ chaser exec my-project -- 'rm -rf tree/l*; find tree -type f -exec chmod 666 {} +; ...'");
    await exec("my-project", breakThings);
    const broken = await exec("my-project", manifestCommand);
    if (broken === before) throw new StoryError("nothing is broken, so a restore would prove nothing");
    say("files deleted, contents, modes, times and links changed");
  });

  await report.step("List the snapshots", async (say) => {
    const list = await chaser.json(["workspaces", "snapshots", "list", "my-project"], say);
    expect(list.map(({ name }) => name).join(), "before-upgrade", "the snapshots");
  });

  await report.step("Restore, ending the session that is in the way", async (say) => {
    const args = ["workspaces", "snapshots", "restore", "my-project", "before-upgrade"];
    await chaser.refusal(args, { code: "session_active", exitCode: 4 });
    const { undo_snapshot: undo } = await chaser.json([...args, "--force"], say);
    if (undo === null) throw new StoryError("the state before the restore was not kept");
    say(`the state before is kept as the snapshot ${undo.name}`);
  });

  await report.step("Check that everything is back", async (say) => {
    const after = await exec("my-project", manifestCommand);
    const difference = firstDifference(before, after);
    if (difference !== null) throw new StoryError(`the restored tree differs: ${difference}`);
    say("every byte, mode, time and link is as it was before");
  });

  await report.step("Create a template", async (say) => {
    const workspace = await chaser.json(["workspaces", "create", "--name", "base-dev", "--template"], say);
    expect(workspace.template, true, "the template flag");
    await chaser.text(["exec", "base-dev", "--", "echo stable > version"], say);
    await chaser.json(["sessions", "stop", "--workspace", "base-dev"], say);
  });

  await report.step("Clone it", async (say) => {
    const args = ["workspaces", "create", "--clone-from", "base-dev", "--name", "feature-branch"];
    const clone = await chaser.json(args, say);
    expect(clone.template, false, "the clone's template flag");
  });

  await report.step("Change the clone: its source stays as it was", async (say) => {
    await chaser.text(["exec", "feature-branch", "--", "echo experimental > version"], say);
    const read = ["--", "cat", "version"];
    const [clone, base] = [
      await chaser.text(["exec", "feature-branch", ...read], say),
      await chaser.text(["exec", "base-dev", ...read], say),
    ];
    expect(clone.trim(), "experimental", "the clone's file");
    expect(base.trim(), "stable", "the source's file");
    say("the clone says experimental, its source still says stable");
  });

  await report.step("Cloning a workspace in use is refused, with a way on", async (say) => {
    const args = ["workspaces", "create", "--clone-from", "base-dev", "--name", "second"];
    const error = await chaser.refusal(args, { code: "session_active", exitCode: 4 }, say);
    if (!error.suggestion) throw new StoryError("the refusal does not say how to go on");
    for (const line of wrap(`hint: ${error.suggestion}`, 74)) say(line);
    await chaser.json(["workspaces", "snapshots", "create", "base-dev", "--name", "for-clone"], say);
    await chaser.json(
      ["workspaces", "create", "--clone-from", "base-dev@for-clone", "--name", "second"],
      say,
    );
    expect((await exec("second", "cat version")).trim(), "stable", "the second clone's file");
  });

  await report.step("Rename a workspace", async (say) => {
    const renamed = await chaser.json(["workspaces", "label", "feature-branch", "login-page"], say);
    const found = await chaser.json(["workspaces", "show", "LOGIN-page"]);
    expect(found.id, renamed.id, "the workspace under its new name, in another case,");
    await chaser.refusal(["workspaces", "show", "feature-branch"], { code: "not_found", exitCode: 3 });
  });

  await report.step("Delete a snapshot and see the bytes freed", async (say) => {
    await chaser.text(["exec", "my-project", "--", "head -c 20000000 /dev/urandom > big"]);
    await chaser.json(["workspaces", "snapshots", "create", "my-project", "--name", "with-big-file"], say);
    await chaser.text(["exec", "my-project", "--", "rm big"]);
    const deleted = await chaser.json(
      ["workspaces", "snapshots", "delete", "my-project", "with-big-file"],
      say,
    );
    if (deleted.freed_bytes < 20_000_000)
      throw new StoryError(
        `only ${deleted.freed_bytes} bytes were freed of a snapshot with 20 MB of its own`,
      );
    say(`${megabytes(deleted.freed_bytes)} freed`);
  });

  await report.step("Compare the bill with the disk", async (say) => {
    await chaser.json(["sessions", "stop", "--all"], say);
    await checkBill({ chaser, directory, say });
  });
}

/** The story's ways to run the command line. With `say`, the command is shown. */
function createChaser({ env, signal }) {
  const run = async (args, say) => {
    say?.(`$ ${typed(args)}`);
    return runCli(args, { env, signal });
  };
  return {
    /** What the command prints. It must succeed. */
    async text(args, say) {
      const { code, stdout, stderr } = await run(args, say);
      if (code !== 0)
        throw new StoryError(
          `${typed(args).split("\n")[0]} ended with code ${code}`,
          readable(stderr || stdout),
        );
      return stdout;
    },
    /** The JSON document the command prints. It must succeed and print nothing else. */
    async json(args, say) {
      return JSON.parse(await this.text([...args, "--json"], say));
    },
    /** The error of a command that must be refused in this way. */
    async refusal(args, { code, exitCode }, say) {
      const result = await run([...args, "--json"], say);
      expect(result.code, exitCode, `the exit code of ${typed(args)}`);
      const { error } = JSON.parse(result.stderr);
      expect(error.code, code, `the error code of ${typed(args)}`);
      return error;
    },
  };
}

function expect(actual, expected, what) {
  if (actual !== expected)
    throw new StoryError(`${what} should be ${JSON.stringify(expected)} but is ${JSON.stringify(actual)}`);
}

/** The message of an error document, any other text as it is. */
function readable(text) {
  try {
    const { error } = JSON.parse(text);
    return [error.message, error.suggestion].filter(Boolean).join("\n");
  } catch {
    return text;
  }
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function wrap(text, width) {
  const lines = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
