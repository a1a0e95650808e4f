# The kernel refuses: given up, and tried again after a pause.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}} router={interface=eth1 held=[10.1.0.100/24] proof-age=500ms way=vrrp{version=v3 vrid=8 primary=10.1.0.1 addresses=[10.1.0.100] interval=100ms announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms startup left=[] handed-over=false
       > changed address=vip from=initialize to=backup priority=100 why="who the master of cache is, is not yet known"
       > changed address=router from=initialize to=backup priority=100 why=started
at 10ms viewed view={group=cache epoch=1 phase=steady master=10.0.0.1:6379 replicas=[]}
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24
       > tickle address=vip
       > changed address=vip from=backup to=active priority=100 why="the agreed master of cache is on this host"
at 11ms not-put interface=eth0 address=10.0.0.100/24 why="permission denied"
       > tell address=vip is-bad=true text="10.0.0.100/24 could not be put on eth0: permission denied. It is given up here and tried again after a pause, each time a longer one, where no other host has it."
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=100 why="10.0.0.100/24 could not be put on eth0: permission denied"
until 380ms
  at 360.9375ms wake
         > will address=router remove=[[eth1 10.1.0.100/24]] say=[send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.1.0.100]}}]
         > put interface=eth1 address=10.1.0.100/24
         > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=100 interval=100ms addresses=[10.1.0.100]}}
         > tickle address=router
         > changed address=router from=backup to=active priority=100 why="nobody was heard to hold the addresses for 360.9375ms"
at 381ms not-put interface=eth1 address=10.1.0.100/24 why="no such device"
       > tell address=router is-bad=true text="10.1.0.100/24 could not be put on eth1: no such device. It is given up here and tried again after a pause, each time a longer one, where no other host has it."
       > cut ips=[10.1.0.100]
       > remove interface=eth1 address=10.1.0.100/24
       > router address=router action=send{to=224.0.0.18 advert={vrid=8 priority=0 interval=100ms addresses=[10.1.0.100]}}
       > will address=router remove=[] say=[]
       > changed address=router from=active to=fault priority=100 why="this host must not hold the addresses (address): 10.1.0.100/24 could not be put on eth1: no such device"
until 1020ms
  at 1011ms wake
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
         > put interface=eth0 address=10.0.0.100/24
         > tickle address=vip
         > changed address=vip from=fault to=active priority=100 why="the agreed master of cache is on this host"
at 1021ms not-put interface=eth0 address=10.0.0.100/24 why="permission denied"
       > tell address=vip is-bad=true text="10.0.0.100/24 could not be put on eth0: permission denied. It is given up here and tried again after a pause, each time a longer one, where no other host has it."
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=fault priority=100 why="10.0.0.100/24 could not be put on eth0: permission denied"
until 3100ms
  at 3021ms wake
         > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
         > put interface=eth0 address=10.0.0.100/24
         > tickle address=vip
         > changed address=vip from=fault to=active priority=100 why="the agreed master of cache is on this host"
