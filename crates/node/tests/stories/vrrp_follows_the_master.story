# With VRRP and a master to follow, the priority decides among those hosts only whose server is the agreed master.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms announce={repeat=1 gap=500ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.2:6379 replicas=[]}
at 100ms viewed view={group=cache epoch=2 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}]
       > put interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
       > announce interface=eth0 ips=[10.0.0.100]
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
until 500ms
  at 200ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > tickle address=vip
  at 300ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
  at 400ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
         > tickle address=vip
  at 500ms wake
         > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=100 interval=100ms addresses=[10.0.0.100]}}
at 550ms viewed view={group=cache epoch=2 phase=lost master=10.0.0.1:6379 replicas=[]}
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > router address=vip action=send{to=224.0.0.18 advert={vrid=7 priority=0 interval=100ms addresses=[10.0.0.100]}}
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="cache has no master, and nobody can be promoted at present; the last agreed one was 10.0.0.1:6379"
