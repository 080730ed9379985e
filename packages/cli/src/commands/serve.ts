import { Option, type Command } from "commander";
import { addExamples, type Bind } from "../command.js";
import { collect } from "../option.js";

export function addServe(program: Command, bind: Bind): void {
  addExamples(
    program
      .command("serve")
      .summary("start a server")
      .description(
        "start a server\n\nThe first start makes an account and a key for it, saves the key where this command line finds it, and\n" +
          "prints it once. When CHASER_API_KEY is set, that key works too.",
      )
      .option(
        "--data <directory>",
        "where everything is kept (default: /var/lib/chaser for root, else ~/.local/share/chaser)",
      )
      .option(
        "--listen <address>",
        "HOST:PORT, or PORT on this machine alone; port 0 is any free one",
        "127.0.0.1:7420",
      )
      .addOption(
        new Option(
          "--network <mode>",
          "what sandboxes reach: nothing, the internet, or all this machine does",
        )
          .choices(["none", "nat", "host"])
          .default("none"),
      )
      .option(
        "--egress <host:port...>",
        "with --network nat, the only hosts that sandboxes reach (port 443 when left out; *.NAME for all below)",
      )
      .option("--insecure-registry <host:port>", "pull images from it without TLS; may be repeated", collect)
      .option(
        "--private-registry <host[:port]>",
        "reach it on this machine or a private network, also as a mirror or a redirect's target; may be repeated",
        collect,
      )
      .option(
        "--image-directory <directory>",
        "allow oci: and oci-archive: images below it; may be repeated",
        collect,
      )
      .option("--image-auth <file>", "credentials for registries (default: where skopeo looks for them)")
      .option(
        "--import-host <host[:port]>",
        "import repositories from this host (default: github.com); may be repeated",
        collect,
      )
      .option("--import-ca <file>", "certificates (PEM) that imports trust besides the system's")
      .option("--log", "write every event to stderr as a line of JSON, not errors alone")
      .action(bind(() => import("./serve/serve.js"))),
    "chaser serve",
    "chaser serve --listen 8000 --data /srv/chaser --network nat",
  );
}
