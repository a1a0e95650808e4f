# follows master, and no other way: the address comes with a confirmed promotion, and leaves in the step in which the view stops saying so.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=2000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=2 gap=500ms refresh=0ms}}}}

at 0ms startup left=[[eth0 10.0.0.100/24]] handed-over=false
       > remove interface=eth0 address=10.0.0.100/24
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.2:6379 replicas=[]}
at 100ms viewed view={group=cache epoch=1 phase=switching master=10.0.0.2:6379 replicas=[]}
at 200ms viewed view={group=cache epoch=2 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
until 1300ms
  at 300ms wake
         > tickle address=vip
  at 500ms wake
         > tickle address=vip
  at 700ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=2000ms
         > announce interface=eth0 ips=[10.0.0.100]
  at 800ms wake
         > tickle address=vip
  at 1200ms wake
         > put interface=eth0 address=10.0.0.100/24 valid=2000ms
         > tickle address=vip
# Another node that held it was lost: its clients are told once more.
at 1350ms partner-lost address=vip node=b
       > tickle address=vip
until 1400ms
at 1500ms viewed view={group=cache epoch=2 phase=switching master=10.0.0.1:6379 replicas=[]}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="the master of cache is being replaced (`standfast status` tells more); the last agreed one was 10.0.0.1:6379"
at 1600ms viewed view={group=cache epoch=3 phase=steady master=10.0.0.2:6379 replicas=[]}
until 3000ms
# It comes back, and then fewer than a majority name its master: listeners serve on, the address leaves.
at 3100ms viewed view={group=cache epoch=4 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 3150ms viewed view={group=cache epoch=4 phase=unbacked master=10.0.0.1:6379 replicas=[]}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="too few nodes name 10.0.0.1:6379, the master of cache, at present: another may have been promoted (`standfast status` tells more)"
until 3200ms
