// Installs missing Debian packages where that is allowed, else says what to type.
import { SetupError, findCommand, run, step } from "./run.mjs";

/** The packages behind those needs whose command is not on this machine. */
function missingPackages(list) {
  const missing = list.filter((need) => findCommand(need.command) === null);
  return [...new Set(missing.map((need) => need.package))];
}

/** The words before `apt-get`, or null when this user may not install packages without being asked for a password. */
async function privilege() {
  if (process.getuid() === 0) return [];
  if (findCommand("sudo") === null) return null;
  try {
    await run("sudo", ["-n", "true"]);
    return ["sudo", "-n"];
  } catch {
    return null;
  }
}

async function aptInstall(prefix, packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => {
    // sudo drops the environment, so the variable is handed over as an argument of `env`.
    const words = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args];
    return run(words[0], words.slice(1), { env });
  };
  const install = () => apt("install", "-y", "--no-install-recommends", ...packages);
  try {
    await install();
  } catch {
    // A fresh machine has no package lists, an old one outdated lists: fetch them and try once more.
    await apt("update");
    await install();
  }
}

/** Makes sure that every package named is installed. `SetupError` says what to type when that is not allowed here. */
export async function installPackages(packages) {
  if (packages.length === 0) return;
  const byHand = `sudo apt-get update && sudo apt-get install -y ${packages.join(" ")}`;
  if (findCommand("apt-get") === null) {
    throw new SetupError(`missing: ${packages.join(", ")}; install them with this system's package manager`);
  }
  const prefix = await privilege();
  if (prefix === null)
    throw new SetupError(`missing system packages; type this and start again:\n\n    ${byHand}\n`);
  await step(`system packages: ${packages.join(", ")}`, () => aptInstall(prefix, packages));
}

/** Makes sure that every command in the list is there. */
export async function installNeeds(list) {
  await installPackages(missingPackages(list));
  const left = list.filter((need) => findCommand(need.command) === null);
  if (left.length > 0) {
    throw new SetupError(
      left.map((need) => `${need.command} is not in PATH (package ${need.package}): ${need.why}`).join("\n"),
    );
  }
}
