# Somebody else has put it there: a Keepalived that was killed, or the network's configuration. While it must not be here it is taken off, also in
# another network than ours, and once a second at most where it is put again and again.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=2000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} left={interface=eth0 held=[10.0.0.101/32] put-back=false follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}}}

# What has a lifetime was ours: kernels before 5.18 do not say so. 10.0.0.102 is no business of ours, whoever put it there.
at 0ms startup left=[[eth0 10.0.0.102/32]] found=[{interface=eth0 address=10.0.0.100/32 lasts=true} {interface=eth0 address=10.0.0.100/24 lasts=false} {interface=eth0 address=10.0.0.101/32 lasts=true}] handed-over=false
       > remove interface=eth0 address=10.0.0.100/24
       > tell address=left is-bad=true text="10.0.0.101/32 stands on eth0, and was not put there by this node (1 times since the last line); put-back is off, so it is left. While another host holds it, two answer for it: `ip address del 10.0.0.101/32 dev eth0`"
       > tell address=vip is-bad=true text="10.0.0.100/32 stood on eth0, where it must not be now, and was not put there by this node (1 times since the last line): two hosts would answer for it, so it is removed. Has a program that died left it (a Keepalived?), or does the network's configuration put it there? Then take it out of that"
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/32
       > changed address=left from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 10ms gone interface=eth0 address=10.0.0.100/32
at 20ms gone interface=eth0 address=10.0.0.100/24
at 500ms found interface=eth0 address=10.0.0.100/24
at 510ms found interface=eth0 address=10.0.0.100/24
until 1200ms
  at 1000ms wake
         > cut ips=[10.0.0.100]
         > remove interface=eth0 address=10.0.0.100/24
# It is there still: the kernel refused. It is tried again after a minute, and meanwhile shown.
until 61100ms
  at 61000ms wake
         > tell address=vip is-bad=true text="10.0.0.100/24 stood on eth0, where it must not be now, and was not put there by this node (2 times since the last line): two hosts would answer for it, so it is removed. Has a program that died left it (a Keepalived?), or does the network's configuration put it there? Then take it out of that"
         > cut ips=[10.0.0.100]
         > remove interface=eth0 address=10.0.0.100/24
at 61200ms gone interface=eth0 address=10.0.0.100/24
# It comes here while it stands there: taken over, and gone when it leaves.
until 61400ms
at 61500ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=left remove=[[eth0 10.0.0.101/32]] say=[]
       > put interface=eth0 address=10.0.0.101/32
       > tell address=left is-bad=false text="10.0.0.101/32 stood on eth0 already, and was not put there by this node: it is taken over, ends with its lifetime, and is removed when it leaves"
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
       > tickle address=left
       > changed address=left from=backup to=active priority=100 why="the agreed master of cache is on this host"
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 61600ms found interface=eth0 address=10.0.0.100/24
       > tickle address=left
       > tickle address=vip
at 61650ms found interface=eth0 address=10.0.0.100/32
       > will address=vip remove=[[eth0 10.0.0.100/24] [eth0 10.0.0.100/32]] say=[]
at 61700ms viewed view={group=cache epoch=2 phase=steady master=10.0.0.2:6379 replicas=[]}
       > cut ips=[10.0.0.101]
       > remove interface=eth0 address=10.0.0.101/32
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=left remove=[] say=[]
       > changed address=left from=active to=backup priority=100 why="the agreed master of cache is 10.0.0.2:6379, which is not on this host"
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="the agreed master of cache is 10.0.0.2:6379, which is not on this host"
at 61710ms gone interface=eth0 address=10.0.0.100/32
until 64000ms
at 64100ms shutdown
       > changed address=left from=backup to=initialize priority=100 why=stopped
       > changed address=vip from=backup to=initialize priority=100 why=stopped
       > ended
