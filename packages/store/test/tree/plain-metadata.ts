/** Metadata of an entry in a test that is about something else. */
export const plainMetadata = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
  xattrs: [],
  linkGroup: null,
};
