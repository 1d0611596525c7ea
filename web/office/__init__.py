"""The office's pages: worklist, applications, holders, renewals, programme, log. They decide nothing themselves."""
