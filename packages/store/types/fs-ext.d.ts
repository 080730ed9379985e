/** The part of fs-ext that the store uses; its published types lag behind the package. */
declare module "fs-ext" {
  const fsExt: {
    flockSync(fd: number, flags: "sh" | "ex" | "shnb" | "exnb" | "un"): void;
    seekSync(fd: number, position: number, whence: number): number;
    statVFS(path: string): { f_bavail: number; f_bsize: number; f_frsize: number };
  };
  export default fsExt;
}
