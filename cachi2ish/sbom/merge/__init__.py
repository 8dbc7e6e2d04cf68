"""Several bills of materials become one."""
