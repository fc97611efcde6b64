#!/bin/sh
# The first process of a guest: this machine's root, read-only, becomes the guest's, with what the guest writes kept in
# its memory; then guest.sh takes over. Runs in the initramfs, with nothing but busybox.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in $($b cat /modules/order); do
  $b insmod "/modules/$module" || echo "guest: $module does not load"
done
# Before /proc moves away.
root=$($b sed -n 's/.*\bsonde\.root=\([^ ]*\).*/\1/p' /proc/cmdline)
{
  $b mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /mnt &&
    $b mount -t tmpfs -o size=60% tmp /root &&
    $b mkdir /root/upper /root/work /root/new &&
    $b mount -t overlay -o lowerdir=/mnt,upperdir=/root/upper,workdir=/root/work overlay /root/new
} || {
  echo "guest: the root does not mount"
  $b poweroff -f
}
for place in proc sys dev; do $b mount --move /$place /root/new/$place; done
exec $b switch_root /root/new /bin/sh "$root/test/kernels/guest.sh" "$root" </dev/console >/dev/console 2>&1
