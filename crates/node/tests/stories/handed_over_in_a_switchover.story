# Another process of this host has handed over what follows a master, and this one votes for another before it knows more.
config addresses={vip={interface=eth0 held=[10.0.0.100/24] lifetime=2000ms follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms way=view{announce={repeat=0 gap=0ms refresh=0ms}}}}

at 0ms viewed view={group=cache epoch=0 phase=switching master=10.0.0.1:6379 replicas=[]}
at 0ms startup left=[[eth0 10.0.0.100/24]] handed-over=true
       > will address=vip remove=[[eth0 10.0.0.100/24]] say=[]
       > put interface=eth0 address=10.0.0.100/24 valid=2000ms
       > changed address=vip from=initialize to=active priority=100 why="the process before this one held it, and has handed over"
at 5ms voted group=cache
       > cut ips=[10.0.0.100]
       > remove interface=eth0 address=10.0.0.100/24
       > will address=vip remove=[] say=[]
       > changed address=vip from=active to=backup priority=100 why="the master of cache is being replaced (`standfast status` tells more); the last agreed one was 10.0.0.1:6379"
